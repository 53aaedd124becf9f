"""What a school must be able to prove: requests, cases, checks, reviews, evidence."""
