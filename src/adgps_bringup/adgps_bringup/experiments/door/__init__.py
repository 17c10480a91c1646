"""The paper's section V-B: several robots learn together to open doors that they see."""
