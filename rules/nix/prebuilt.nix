# Programs that are published, by system: none yet.
{ }
