"""What the cells and headers of users' files mean, before documents or judgements are made of them."""
