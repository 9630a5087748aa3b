import CMediaIO

/// Packets of one party's burst on their way to the other: as long as they are equally long (the last may be
/// shorter), the kernel takes them as one and divides them at the end of its way (`UDP_SEGMENT`).
///
/// Holds pointers only: what they point to stays in place until ``RelayLoop/flush()``.
struct SendRun {
  /// What one call takes, in bytes; below the 65,535 of an IP packet with its headers.
  static let byteLimit = 65_000

  let pieces: UnsafeMutablePointer<mio_piece>
  private(set) var count = 0
  private(set) var bytes = 0
  private(set) var segment = 0
  /// To whom.
  private(set) var side: UnsafeMutablePointer<SideState>?
  /// Whose packets they are: failures count there.
  private(set) var origin: UnsafeMutablePointer<SideState>?
  /// A shorter packet ends a run.
  private var isComplete = false

  init() { pieces = .allocate(capacity: Int(MIO_SEGMENTS)) }

  /// Whether a packet can go with those that wait.
  @inline(__always)
  func takes(
    _ length: Int, to side: UnsafeMutablePointer<SideState>, from origin: UnsafeMutablePointer<SideState>
  ) -> Bool {
    count == 0
      || side == self.side && origin == self.origin && length <= segment && !isComplete
        && count < Int(MIO_SEGMENTS) && bytes + length <= SendRun.byteLimit
  }

  @inline(__always)
  mutating func append(
    _ packet: UnsafeMutableRawPointer, _ length: Int, to side: UnsafeMutablePointer<SideState>,
    from origin: UnsafeMutablePointer<SideState>
  ) {
    if count == 0 {
      self.side = side
      self.origin = origin
      segment = length
    }
    isComplete = length < segment
    pieces[count] = mio_piece(bytes: packet, length: length)
    count += 1
    bytes += length
  }

  mutating func clear() {
    count = 0
    bytes = 0
    isComplete = false
  }
}
