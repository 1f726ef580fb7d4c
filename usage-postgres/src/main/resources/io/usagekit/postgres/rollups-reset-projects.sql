-- No project is rolled any more.
delete from {rollups}.project
