"""The cold path: what neither policy nor the packet cache could answer is asked of a forwarder, as asyncio decides.

The plane wakes this by file-descriptor readiness. `service` says for a whole batch which forwarders are asked, and the
plane moves the datagrams (`datagrams`). What the first try does not settle is handed up one by one: a sans-I/O
`resolution` says what to do next, `exchange` speaks TCP. Nothing here may delay an answer that the plane can give
alone: hits and verdicts never pass this package.
"""
