/** The commands that work on a database: install, load, get, rollups, partitions and events. */
@NullMarked
package io.usagekit.cli.commands;

import org.jspecify.annotations.NullMarked;
