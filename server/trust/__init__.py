"""Who somebody is, what they may do, how often, and what they may say."""
