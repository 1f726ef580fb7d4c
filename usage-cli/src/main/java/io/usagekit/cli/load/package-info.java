/** Loads events from lines of text into the tables of a schema. */
@NullMarked
package io.usagekit.cli.load;

import org.jspecify.annotations.NullMarked;
