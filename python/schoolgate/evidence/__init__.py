"""What a school shows to governors and inspectors: measured values, each with the query that measured it, as a PDF."""
