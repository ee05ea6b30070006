"""200 secrets, made with a seeded random from the shapes of keys and from what passwords stand behind."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URL = f"{ALNUM}-_"
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits

_random = random.Random(20)


def some(count: int, among: str = ALNUM) -> str:
    """Return so many characters."""
    return "".join(_random.choices(among, k=count))


def _jwt() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"sub":"{some(8)}","iat":1516239022}}'.encode()).decode().rstrip("=")
    return f"{head}.{body}.{some(43, URL)}"


SHAPES: dict[str, Callable[[], str]] = {
    "OpenAI": lambda: "sk-" + some(20) + "T3Blbk" + "FJ" + some(20),
    "OpenAI, project": lambda: "sk-proj-" + some(120, URL),
    "OpenAI, service account": lambda: "sk-svcacct-" + some(120, URL),
    "OpenAI, admin": lambda: "sk-admin-" + some(100, URL),
    "Anthropic": lambda: "sk-ant-api03-" + some(93, URL) + "AA",
    "OpenRouter": lambda: "sk-or-v1-" + some(64, HEX),
    "DeepSeek": lambda: "sk-" + some(32, HEX),
    "ElevenLabs": lambda: "sk_" + some(48, HEX),
    "Langfuse": lambda: "sk-lf-" + "-".join(some(count, HEX) for count in (8, 4, 4, 4, 12)),
    "LangSmith": lambda: "lsv2_pt_" + some(32, HEX) + "_" + some(10, HEX),
    "LangSmith, service": lambda: "lsv2_sk_" + some(32, HEX) + "_" + some(10, HEX),
    "Google": lambda: "AI" + "za" + some(35, URL),
    "Google, new": lambda: "AQ." + "Ab8" + some(48, URL),
    "Google, refresh token": lambda: "1/" + "/0" + some(60, URL),
    "Google, access token": lambda: "ya" + "29.a0" + some(120, URL),
    "Google, client secret": lambda: "GOCSPX-" + some(28, URL),
    "AWS, id": lambda: "AK" + "IA" + some(16, string.ascii_uppercase + "234567"),
    "AWS, temporary id": lambda: "AS" + "IA" + some(16, string.ascii_uppercase + "234567"),
    "Bedrock": lambda: "AB" + "SK" + some(108) + "==",
    "Bedrock, short-term": lambda: "bedrock-api-key-" + some(80),
    "Azure, client secret": lambda: some(3) + "8Q~" + some(34, URL),
    "Azure OpenAI": lambda: some(52) + "JQQJ99" + some(26),
    "GitHub": lambda: "gh" + "p_" + some(36),
    "GitHub, fine-grained": lambda: "github" + "_pat_" + some(22) + "_" + some(59),
    "GitHub, app": lambda: "gh" + "s_" + some(36),
    "GitLab": lambda: "gl" + "pat-" + some(20, URL),
    "GitLab, runner": lambda: "GR13" + "48941" + some(20, URL),
    "GitLab, deploy": lambda: "gl" + "dt-" + some(20, URL),
    "Slack": lambda: "xo" + "xb-" + some(12, string.digits) + "-" + some(12, string.digits) + "-" + some(24),
    "Slack, app": lambda: "xa" + "pp-1-A" + some(10, UPPER) + "-" + some(13, string.digits) + "-" + some(64, HEX),
    "Slack, hook": lambda: f"https://hooks.slack.com/services/T{some(8)}/B{some(8)}/{some(24)}",
    "Slack, workflow": lambda: (
        f"https://hooks.slack.com/workflows/T{some(8)}/A{some(9)}/{some(17, string.digits)}/{some(24)}"
    ),
    "Discord, bot": lambda: "M" + some(23) + "." + some(6) + "." + some(38, URL),
    "Discord, hook": lambda: f"https://discord.com/api/webhooks/{some(18, string.digits)}/{some(68, URL)}",
    "Telegram": lambda: some(10, "123456789") + ":AA" + some(33, URL),
    "Stripe": lambda: "sk" + "_live_" + some(24),
    "Stripe, restricted": lambda: "rk" + "_live_" + some(24),
    "Stripe, hook": lambda: "wh" + "sec_" + some(32),
    "Square": lambda: "sq" + "0atp-" + some(22, URL),
    "Twilio": lambda: "S" + "K" + some(32, HEX),
    "SendGrid": lambda: "S" + "G." + some(22, URL) + "." + some(43, URL),
    "Mailgun": lambda: "key" + "-" + some(32, HEX),
    "Mailchimp": lambda: some(32, HEX) + "-us" + "12",
    "Brevo": lambda: "xkeysib-" + some(64, HEX) + "-" + some(16),
    "Resend": lambda: "re" + "_" + some(8) + "_" + some(24),
    "npm": lambda: "np" + "m_" + some(36),
    "PyPI": lambda: "py" + "pi-AgEIcHlwaS5vcmc" + some(80, URL),
    "RubyGems": lambda: "rubygems" + "_" + some(48, HEX),
    "Docker": lambda: "dckr" + "_pat_" + some(27, URL),
    "Databricks": lambda: "da" + "pi" + some(32, HEX),
    "Hugging Face": lambda: "h" + "f_" + some(34),
    "Hugging Face, letters": lambda: "h" + "f_" + some(34, string.ascii_letters),
    "Groq": lambda: "gs" + "k_" + some(52),
    "xAI": lambda: "xa" + "i-" + some(80),
    "Perplexity": lambda: "pp" + "lx-" + some(48),
    "Replicate": lambda: "r" + "8_" + some(37),
    "Pinecone": lambda: "pc" + "sk_" + some(6) + "_" + some(63),
    "Cerebras": lambda: "cs" + "k-" + some(48, LOWER),
    "Fireworks": lambda: "fw" + "_" + some(24),
    "Tavily": lambda: "tv" + "ly-dev-" + some(32),
    "NVIDIA": lambda: "nv" + "api-" + some(64, URL) + "a1B",
    "Jina": lambda: "ji" + "na_" + some(60),
    "E2B": lambda: "e" + "2b_" + some(40, HEX),
    "Together": lambda: "tgp" + "_v1_" + some(43, URL),
    "Vault": lambda: "hv" + "s." + some(95, URL),
    "Vault, batch": lambda: "hv" + "b." + some(140, URL),
    "DigitalOcean": lambda: "do" + "p_v1_" + some(64, HEX),
    "DigitalOcean, OAuth": lambda: "do" + "o_v1_" + some(64, HEX),
    "Shopify": lambda: "shp" + "at_" + some(32, HEX),
    "Grafana": lambda: "gl" + "sa_" + some(32) + "_" + some(8, HEX),
    "Sentry": lambda: "sntry" + "u_" + some(64, HEX),
    "Linear": lambda: "lin" + "_api_" + some(40),
    "Notion": lambda: "nt" + "n_" + some(46),
    "Supabase": lambda: "sb" + "p_" + some(40, HEX),
    "PlanetScale": lambda: "pscale" + "_tkn_" + some(43, URL),
    "Postman": lambda: "PM" + "AK-" + some(24, HEX) + "-" + some(34, HEX),
    "New Relic": lambda: "NR" + "AK-" + some(27, UPPER),
    "Atlassian": lambda: "ATA" + "TT3xFfGF0" + some(180, URL),
    "Airtable": lambda: "pa" + "t" + some(14) + "." + some(64, HEX),
    "Figma": lambda: "fi" + "gd_" + some(40, URL),
    "Doppler": lambda: "dp" + ".pt." + some(43),
    "Tailscale": lambda: "ts" + "key-auth-" + some(12) + "CNTRL-" + some(32),
    "age": lambda: "AGE-SECRET" + "-KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "JWT": _jwt,
    "PEM": lambda: "-----BEGIN " + "PRIVATE KEY-----\n" + some(64) + "\n" + some(64) + "\n-----END PRIVATE KEY-----",
}
"""By what has it: makes a key of the shape that its provider documents."""

AROUND = ("{}", "use {} please", 'the key is "{}".', "KEY1={}", '{{"note": "{}"}}', "({})", "a line\n{}\nanother line")

BEHIND = (
    *("password = '{}'", "my password: {}", "DB_PASSWORD={}", "export PGPASSWORD={}", "password: {}", 'password: "{}"'),
    *(
        "{{'password': '{}'}}",
        '{{"password": "{}"}}',
        '{{"user": {{"passwordHash": "{}"}}}}',
        '{{"pass": "{}", "user": "ada"}}',
    ),
    *(
        "smtp_pass: {}",
        "DB_PASS={}",
        "SMTP_PASS='{}'",
        'db.pass = "{}"',
        "userpass={}",
        "passwd: {}",
        "MYSQL_PWD={}",
        "pwd: '{}'",
    ),
    *(
        '"password_confirmation": "{}"',
        "newPassword: '{}',",
        "old_password='{}'",
        "passphrase: {}",
        'Passphrase = "{}"',
    ),
    *(
        'password=SecretStr("{}")',
        'password: str = "{}"',
        'let password = "{}";',
        "const password = `{}`;",
        'password := "{}"',
    ),
    *(
        "'password' => '{}',",
        "$password = '{}';",
        'String password = "{}";',
        "spring.datasource.password={}",
        "<password>{}</password>",
    ),
    *(
        "--password {}",
        "--password={}",
        "--db-password '{}'",
        "mysql -u root -p{} app",
        "curl -u ada:{} https://example.org/",
    ),
    *(
        "docker login -u ada -p {}",
        "sshpass -p {} ssh host",
        "**Password:** {}",
        "- Password: {}",
        "Password: {}\nUser: ada",
    ),
    *(
        "the password is {}.",
        "postgres://ada:{}@db.example/app",
        "redis://:{}@cache.example:6379/0",
        "https://ada:{}@example.org/x",
    ),
    *(
        "amqp://ada:{}@mq.example/",
        "mongodb+srv://ada:{}@c0.example.net/test",
        "AccountKey={};EndpointSuffix=core.windows.net",
    ),
    *("Server=db;User Id=ada;Password={};", "jdbc:postgresql://db/app?user=ada&password={}", "ADMIN_PASSWORD: '{}'"),
    *(
        'api_key="{}"',
        "API_KEY={}",
        "apiKey: '{}'",
        "X-Api-Key: {}",
        "Ocp-Apim-Subscription-Key: {}",
        "x-functions-key: {}",
    ),
    *(
        "subscription_key={}",
        "master_key: {}",
        "?api_key={}&page=2",
        "https://api.example/v1?access_token={}",
        "DD_API_KEY={}",
    ),
    *(
        'client_secret: "{}"',
        "CLIENT_SECRET={}",
        "clientSecret={}",
        '{{"client_secret": "{}"}}',
        "secret = '{}'",
        "secret: {}",
    ),
    *("AWS_SECRET_ACCESS_KEY={}", "aws_secret_access_key = {}", '"SecretAccessKey": "{}"', "aws_session_token={}"),
    *(
        "token: {}",
        "token = '{}'",
        "auth_token={}",
        "accessToken: '{}'",
        "refresh_token={}",
        '{{"id_token": "{}"}}',
        "--token {}",
    ),
    *(
        "Authorization: Bearer {}",
        "authorization: Token {}",
        '{{"Authorization": "Bearer {}"}}',
        "Cookie: session={}; theme=dark",
    ),
    *("Set-Cookie: sid={}; HttpOnly", "TWILIO_AUTH_TOKEN={}", "//registry.example/:_authToken={}", "credentials: '{}'"),
    *(
        '{{"body": "{{\\"password\\": \\"{}\\"}}"}}',
        '{{"env": "API_KEY={}"}}',
        "session_token: {}",
        "SharedAccessKey={};EntityPath=q",
    ),
    *(
        "otp: {}",
        "encryption_key: {}",
        "webhook_secret={}",
        "bot_token = '{}'",
        "machine host login ada password {}",
        "JWT_SECRET={}",
    ),
)
"""What passwords and keys without a shape stand behind, in code, settings, logs, commands and addresses."""

_PASSWORDS = (
    "Tr0ub4dor&3",
    "hunter2",
    "correcthorse",
    "S3cr3t!pass",
    "letmein99",
    "swordfish",
    "qwertz7788",
    "Zx9#kLm2",
)


def secrets() -> list[tuple[str, str, str]]:
    """Return 200 secrets: what each is, a text with it, and the part that must not be left."""
    _random.seed(20)
    found: list[tuple[str, str, str]] = []
    for place, (name, make) in enumerate(SHAPES.items()):
        key = make()
        core = key.splitlines()[1] if "\n" in key else key[-20:]
        found.append((name, AROUND[place % len(AROUND)].format(key), core))
    for place, line in enumerate(BEHIND):
        found.append((line, line.format(secret := _behind(place, line)), secret))
    while len(found) < 200:
        line = BEHIND[len(found) % len(BEHIND)]
        found.append((line, line.format(secret := _behind(len(found) * 7, line)), secret))
    return found


def _behind(place: int, line: str) -> str:
    """Return a password where people make one up, else a key without a shape."""
    made_up = "pass" in line.lower() or "pwd" in line.lower() or "@" in line
    if "otp" in line:
        return some(6, string.digits)
    return _PASSWORDS[place % len(_PASSWORDS)].replace("#", "") if made_up else some(32, (HEX, ALNUM)[place % 2])
