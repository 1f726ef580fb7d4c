-- A piece: the quarter of an hour in which a deleted row was created.
date_trunc('hour', deleted.created_at, 'UTC')
    + floor(extract(minute from deleted.created_at at time zone 'UTC') / 15) * interval '15 minutes'
