"""Message content: serialised, limited, redacted."""
