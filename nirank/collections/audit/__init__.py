"""The audit: what is wrong or odd about a collection, found before any number is computed.

One module a kind of check; `auditor` runs them all, `facts` are what reading the files showed.
"""
