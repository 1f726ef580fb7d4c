-- Whether there are roll-ups in a schema. Parameter: :state, the table of their state, quoted.
select to_regclass(:state) is not null as answer
