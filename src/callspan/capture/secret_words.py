"""Words that stand behind a telling key without being secrets: in code, in schemas and logs, in sentences."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAIN = _words(
    """
    str string text txt int integer number numeric num float double decimal bool boolean byte bytes bytea char
    varchar nvarchar uuid guid blob json jsonb object array list dict map set tuple record any unknown never void
    none null nil undefined nan true false yes no on off y n optional required mandatory nullable readonly
    writeonly sensitive secretstr option maybe result self cls this that it new await async return returns
    function func fn fun lambda def class const let var val final static public private protected internal
    abstract virtual enum interface type struct range loop yield raise raises throw throws typeof instanceof in is
    not and or if else elif for while with from import as pass passed fail failed valid invalid missing expired
    incorrect correct wrong unset empty blank present absent ok okay error success successful failure denied
    granted rejected accepted revoked active inactive enabled disabled visible default auto automatic manual basic
    digest bearer oauth oauth2 oauth1 openid oidc saml sso ldap kerberos ntlm negotiate jwt cookie cookies session
    token tokens password passwords secret secrets key keys credential credentials include omit same-origin plain
    plaintext encrypted hashed hash bcrypt scrypt argon2 sha1 sha256 sha512 md5 base64 hex changed updated created
    deleted reset stored saved loaded rotated refreshed generated issued sent received verified unverified pending
    user username admin anonymous guest keyword identifier literal operator punctuation eof eol newline comment
    whitespace vault env environment file config settings inherit inherited mocked mock patch placeholder example
    sample demo
    """
)
"""Types, keywords, states and ways to log in: what stands behind a telling key in code, schemas and logs."""

COMMON = _words(
    """
    too very quite rather still already
    a an the this that these those my your his her its our their some any all each every no not only also just
    never always please must should shall can could may might will would is are was were be been being has have
    had do does did to of for from by with without within at in on into onto under over about between through
    after before until since during as than then when where which who whom whose what why how if or and but so
    because see use uses used using enter type choose pick create make generate get give given add put send store
    save keep keeps read reads write check checks ask asks need needs requires allow allows contains containing
    include includes including change click press go open try let lets note minimum maximum min max least most
    more less length long short strong weak new old same one two three both either neither there here it they we
    you he she i via per instead required optional leave left copy paste provide provided provides specify
    specified set sets returns rotate rotated
    """
)
"""Words that begin a sentence, or are in one."""

WEAK = _words("secret secrets password passwords admin anonymous guest user username example sample demo default pass")
"""Those of the former that people take for a password."""
