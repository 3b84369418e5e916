"""``emberwatch camera``: the profiles there are, a lens from photos, a camera's latency from turning it."""
