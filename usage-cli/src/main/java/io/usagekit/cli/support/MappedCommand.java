package io.usagekit.cli.support;

import io.usagekit.postgres.TableMapping;
import javax.sql.DataSource;
import picocli.CommandLine.Mixin;

/** A command on tables of events that may be the host's. */
public abstract class MappedCommand extends DatabaseCommand {

    @Mixin
    private MappingOptions mapping = new MappingOptions();

    /** The tables that {@code --mapping} names, or those that the schema holds. */
    protected final TableMapping mapping(DataSource dataSource) {
        return mapping.in(dataSource, database());
    }

    /** The commands on the same tables, for messages. */
    protected final Commands commands() {
        return mapping.commands(database());
    }
}
