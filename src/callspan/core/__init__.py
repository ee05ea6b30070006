"""One run and its span: how it starts, where it is current, how it ends. Knows nothing of LangChain."""
