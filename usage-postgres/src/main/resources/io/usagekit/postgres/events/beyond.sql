-- Part of a page: rows behind a place in the direction that {behind} stands for.
--
-- Parameters: :beyond_at, :beyond_id.
    and (created_at, id collate "C") {behind} (:beyond_at, :beyond_id)
