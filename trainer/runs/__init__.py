"""When a run is due, and the way it goes: decisions as functions of records, a table and a time."""
