import CallModel

extension MediaStream {
  /// A copy that may be shown to the other party: nothing in it names a host of the first.
  func relayed(bandwidth: Bandwidth?) -> MediaStream {
    var result = self
    result.rtcpAddress = nil
    result.bandwidth = bandwidth
    result.attributes = attributes.filter { MediaStream.passedOn.contains($0.name.lowercased()) }
    return result
  }

  /// What describes the packets rather than the party. Addresses, candidates, fingerprints and SSRCs stay behind: our relay
  /// has its own.
  private static let passedOn: Set<String> = [
    "extmap", "extmap-allow-mixed", "framerate", "framesize", "imageattr", "rtcp-fb", "rtcp-rsize", "quality",
    "lang",
  ]

  /// A stream that is not there: port 0, but the same kind and formats (RFC 3264 §6).
  static func disabled(_ kind: Kind, like stream: MediaStream?) -> MediaStream {
    MediaStream(
      kind: kind, isEnabled: false, profile: stream?.profile ?? .rtpAVP, direction: .inactive,
      codecs: Array((stream?.codecs ?? []).prefix(1)), formats: Array((stream?.formats ?? []).prefix(1)))
  }
}

extension MediaDescription {
  /// Whether a party that was told one may go on by the other: the same streams, addresses, formats and keys.
  func isSameSession(as other: MediaDescription) -> Bool {
    func essence(_ stream: MediaStream) -> MediaStream {
      var result = stream
      result.attributes = []
      result.bandwidth = nil
      return result
    }
    return streams.map(essence) == other.streams.map(essence)
  }

  /// Whether somebody who was told this is understood by somebody who was told the other, in some format of some stream.
  func sharesFormat(with other: MediaDescription) -> Bool {
    zip(streams, other.streams).contains { mine, theirs in
      mine.isEnabled && theirs.isEnabled
        && mine.codecs.contains {
          $0.isPrimary && $0.counterpart(in: theirs.codecs, among: mine.codecs) != nil
        }
    }
  }
}

extension MediaStream {
  /// What the relay carries: RTP audio and video.
  var isRelayable: Bool { isEnabled && profile.isRTP && (kind == .audio || kind == .video) }
}

extension MediaStream.Profile {
  static func rtp(isSecure: Bool, hasFeedback: Bool) -> Self {
    isSecure ? (hasFeedback ? .rtpSAVPF : .rtpSAVP) : (hasFeedback ? .rtpAVPF : .rtpAVP)
  }
}
