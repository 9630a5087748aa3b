extension MediaDescription {
  /// The description with the streams disabled that the capability does not cover; their places remain (RFC 3264 §6, §8.2).
  ///
  /// `audio` leaves audio, text, fax and messages; `videoOnly` leaves one main picture in addition, and no presentation with
  /// its floor control. `video` and `auto` change nothing: for `auto` the incoming call's own streams are the bound.
  public func limited(to capability: CallCapability) -> MediaDescription {
    var result = self
    var hasMainVideo = false
    for i in streams.indices where streams[i].isEnabled {
      let stream = streams[i]
      switch capability {
      case .video, .auto: return self
      case .audio:
        let isVisual = stream.kind == .video || stream.kind == .application || stream.isPresentation
        result.streams[i].isEnabled = !isVisual
      case .videoOnly:
        if stream.isPresentation || (stream.kind == .video && hasMainVideo) {
          // A second picture without a stated purpose is a presentation in all but name.
          result.streams[i].isEnabled = false
        } else if stream.kind == .video {
          hasMainVideo = true
        }
      }
    }
    return result
  }

  /// The smallest capability that covers every enabled stream.
  public var capability: CallCapability {
    if limited(to: .audio) == self { return .audio }
    return limited(to: .videoOnly) == self ? .videoOnly : .video
  }
}

extension MediaStream {
  /// Whether the stream is a second picture or belongs to one: `content:slides` (RFC 4796), BFCP floor control (RFC 8856),
  /// and the application sharing of Skype for Business.
  public var isPresentation: Bool {
    if content == .slides { return true }
    if case .other(let name) = kind { return name.lowercased() == "applicationsharing" }
    if attribute("label")?.hasPrefix("applicationsharing") == true { return true }
    if case .other(let proto) = profile { return proto.uppercased().hasSuffix("BFCP") }
    return false
  }
}
