"""Services of Wikimedia that are asked over the network: mirrors of dumps and Wikidata's query service.

Here: HTTP, retries, listings of mirrors, SPARQL. Not here: what is done with a file once it is on a disk (`dumps`).
"""
