"""The engine of a scan: what was asked, how it is prepared, learnt, recorded and told."""
