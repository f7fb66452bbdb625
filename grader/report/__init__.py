"""Reports: one Result in many forms. They render; they do not judge."""
