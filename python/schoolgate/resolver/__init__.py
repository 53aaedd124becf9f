"""The cold path: what neither policy nor the packet cache could answer is asked of a forwarder, here, in asyncio.

A miss comes from the plane by file-descriptor readiness (`service`), a sans-I/O `resolution` says which forwarder to
ask and when to give up, `exchange` carries the octets, and the outcome goes back to the plane in batches. Nothing here
may delay an answer that the plane can give alone: hits and verdicts never pass this package.

`stream` is the door for clients that come over TCP; it decides nothing and asks the plane.
"""
