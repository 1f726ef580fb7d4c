/** What the commands share: options, output, progress, failures and connections. */
@NullMarked
package io.usagekit.cli.support;

import org.jspecify.annotations.NullMarked;
