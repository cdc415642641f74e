"""What flows between the jobs: records, Arrow schemas, the tf.Example codec and the manifest."""
