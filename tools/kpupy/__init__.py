"""Host tools for K210 boards: firmware images, model files, and an integer reference of the KPU."""
