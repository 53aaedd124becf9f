"""Alerts: findings, rules, store, outbox, delivery by mail and webhook."""
