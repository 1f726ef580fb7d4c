-- The table of figures that processes share, and the numbers of their leases.

-- The numbers of fences: logged, so that they go on after a crash, which empties the table below.
create sequence if not exists {fence};

-- One row for each organisation and window [starts_at, ends_at): the figure, the lease on computing it or the back-off after a computation that
-- failed, and the fences. No column that changes is indexed, so that an update leaves its dead row to the next one on the same page.
create unlogged table if not exists {figure} (
    organisation_id text collate "C" not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    received_volume bigint, -- null, as all columns of the figure: none is stored
    received_bytes bigint,
    sent_volume bigint,
    sent_bytes bigint,
    unmeasured bigint,
    computed_at timestamptz, -- by the clock of the process that computed it: a label
    born_at timestamptz, -- when its age was 0, by this server's clock
    expires_at timestamptz, -- by this server's clock, as all times below
    issued bigint, -- the fence of the last lease; null if none may publish
    published bigint, -- the fence of the figure that was published last; null if none is known
    invalidated bigint, -- this fence and those before it may not publish
    holder text, -- the token that holds the lease; null if there is none
    failure text, -- why the last computation failed; null unless it did
    locked_until timestamptz, -- the end of the lease or of the back-off
    kept_until timestamptz not null, -- when the row may be deleted: figure, lease and fences are of no use then
    primary key (organisation_id, starts_at, ends_at)
) with (fillfactor = 70);
