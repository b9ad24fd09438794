"""A shop that never was, busy enough to show what knownas does: what its visitors do comes from one seed."""
