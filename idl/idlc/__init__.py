"""idlc - the compiler of Tacit's interface definition language (docs/PROTOCOL.md).

lexer -> parser -> model -> checks -> one of the emitters. Standard library only; the output
depends on the input's text alone, so that two builds of one tree are the same bytes.
"""
