-- Statements of SqlFilesTest.

-- name: find-row
-- A row.
--
-- Parameters: :id, :name.
select {columns}
from {table} r -- not :sent
where {own-id} and r.name = :name

-- fragment: columns
-- What is read of a row r.
    r.id, r.name

-- fragment: own-id
-- Parameters: :id.
    r.id = :id

-- name: in-a-circle
select {circle}

-- fragment: circle
    {circle}

-- name: incomplete
select {no.such}
