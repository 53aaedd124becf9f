"""A real process, asked over real sockets: one file for each thing it promises."""
