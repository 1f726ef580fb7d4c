create index {concurrently}if not exists {index}
    on {table} {definition}
