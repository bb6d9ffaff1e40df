"""What end users are told when a conversion fails: one file of sentences a language."""
