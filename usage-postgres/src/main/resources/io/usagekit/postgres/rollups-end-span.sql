-- The span is rolled.
delete from {rollups}.span
