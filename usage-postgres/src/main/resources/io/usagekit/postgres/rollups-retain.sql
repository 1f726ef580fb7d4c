-- A piece: adds sums to those of their quarters of an hour that are there already.
on conflict (project_id, quarter) do update set
    received_volume = r.received_volume + excluded.received_volume,
    received_bytes = r.received_bytes + excluded.received_bytes,
    sent_volume = r.sent_volume + excluded.sent_volume,
    sent_bytes = r.sent_bytes + excluded.sent_bytes,
    unmeasured = r.unmeasured + excluded.unmeasured
