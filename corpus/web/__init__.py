"""Clients of Wikimedia's network services: mirrors of dumps, and Wikidata's query service.

Here: HTTP, retries, listings of mirrors, SPARQL. In another room: reading the downloaded files (`dumps`).
"""
