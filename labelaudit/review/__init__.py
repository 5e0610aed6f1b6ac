"""The local page on which people look at suspects and decide, and its server."""
