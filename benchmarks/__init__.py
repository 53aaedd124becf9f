"""How fast schoolgate is, beside a floor and beside other servers. See benchmarks/README.md."""
