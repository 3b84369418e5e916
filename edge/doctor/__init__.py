"""``emberwatch doctor``: whether a machine is set up well, and what to do where not. Changes nothing."""
