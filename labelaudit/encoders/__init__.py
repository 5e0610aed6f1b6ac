"""From a sample to a vector without training: pretrained networks, texts, and the table that lists them."""
