"""What the manifests in git must be before any cluster sees them."""
