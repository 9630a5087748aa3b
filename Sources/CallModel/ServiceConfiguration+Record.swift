extension ServiceConfiguration {
  /// What records keep of it: everything that policy says but secrets and what grows without bound.
  ///
  /// PINs become ``Secret/unavailable``; digits that an automatic participant is sent are left out, and so is the path of
  /// addresses to stream to, which is a key. Breakout rooms are the running conference's, not policy's.
  public var asRecorded: ServiceConfiguration {
    var kept = self
    kept.pin = pin.map { _ in .unavailable }
    kept.guestPIN = guestPIN.map { _ in .unavailable }
    guard room != RoomSettings() else { return kept }
    var room = room
    room.breakout = nil
    room.breakoutUUIDs = []
    room.automaticParticipants = room.automaticParticipants.prefix(ServiceConfiguration.recordedParticipants)
      .map { participant in
        var participant = participant
        participant.dtmfSequence = ""
        participant.remoteAlias = ServiceConfiguration.withoutStreamKey(participant.remoteAlias)
        participant.presentationURL = ServiceConfiguration.withoutStreamKey(participant.presentationURL)
        return participant
      }
    kept.room = room
    return kept
  }

  /// Automatic participants that records keep, the first ones.
  public static let recordedParticipants = 32

  /// `rtmps://live.example.org/app/key` becomes `rtmps://live.example.org`.
  private static func withoutStreamKey(_ address: String) -> String {
    let bytes = Array(address.utf8)
    guard let scheme = address.firstRange(of: "://") else { return address }
    let start = address.utf8.distance(from: address.startIndex, to: scheme.upperBound)
    guard
      let slash = bytes[start...].firstIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") })
    else { return address }
    return String(decoding: bytes[..<slash], as: UTF8.self)
  }

  /// Whether it is the same service as far as is known: a PIN that is not known may be any.
  public func isSame(as other: ServiceConfiguration) -> Bool {
    func known(_ pin: Secret?, _ other: Secret?) -> Secret? {
      pin == .unavailable && other != nil ? other : pin
    }
    var (a, b) = (self, other)
    a.pin = known(pin, other.pin)
    b.pin = known(other.pin, pin)
    a.guestPIN = known(guestPIN, other.guestPIN)
    b.guestPIN = known(other.guestPIN, guestPIN)
    return a == b
  }
}
