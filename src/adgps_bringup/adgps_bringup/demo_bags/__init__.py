"""From bags of demonstrations to what local policies can follow."""
