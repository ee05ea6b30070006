"""All that knows LangChain: where its runs start, run and end, and what their spans say."""
