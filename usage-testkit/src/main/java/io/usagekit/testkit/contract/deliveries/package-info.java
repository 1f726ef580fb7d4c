/** Contract suite of repositories of deliveries, which each implementation passes. */
@NullMarked
package io.usagekit.testkit.contract.deliveries;

import org.jspecify.annotations.NullMarked;
