"""The flat layout: a training batch is one long row of tokens without padding."""
