"""The two stages: each the order of effects of one poll, straight down the page."""
