//! Pawl's engine in a Web Worker: IndexedDB, WebSocket, tabs
