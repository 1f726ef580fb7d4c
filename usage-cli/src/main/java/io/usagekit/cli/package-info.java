/** The command line {@code usage}: its entry, which names the commands. */
@NullMarked
package io.usagekit.cli;

import org.jspecify.annotations.NullMarked;
