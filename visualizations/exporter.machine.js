import { createMachine } from 'xstate'

export const exporterMachine = createMachine({
  "id": "exporter",
  "initial": "starting",
  "on": {
    "config.prepare": [
      {
        "actions": [
          {
            "type": "noteChange"
          },
          {
            "type": "answer"
          }
        ]
      }
    ],
    "config.commit": [
      {
        "actions": [
          {
            "type": "commit"
          },
          {
            "type": "acknowledge"
          }
        ]
      }
    ],
    "config.abort": [
      {
        "actions": [
          {
            "type": "forgetChange"
          },
          {
            "type": "acknowledge"
          }
        ]
      }
    ],
    "exporter.stop": [
      {
        "target": ".stopping",
        "actions": [
          {
            "type": "discard"
          },
          {
            "type": "planDrain"
          }
        ]
      }
    ]
  },
  "states": {
    "starting": {
      "always": [
        {
          "target": "recovering",
          "guard": {
            "type": "hasCrashed"
          }
        },
        {
          "target": "deciding"
        }
      ]
    },
    "recovering": {
      "initial": "fencing",
      "on": {
        "config.prepare": [
          {
            "target": ".held",
            "actions": [
              {
                "type": "noteChange"
              },
              {
                "type": "answer"
              }
            ]
          }
        ]
      },
      "states": {
        "fencing": {
          "entry": [
            {
              "type": "announce"
            }
          ],
          "invoke": [
            {
              "src": "fence",
              "onDone": [
                {
                  "target": "failed",
                  "guard": {
                    "type": "tooOften"
                  }
                },
                {
                  "target": "backoff",
                  "actions": [
                    {
                      "type": "noteCrashes"
                    }
                  ]
                }
              ],
              "onError": [
                {
                  "target": "backoff",
                  "actions": [
                    {
                      "type": "noteError"
                    }
                  ]
                }
              ]
            }
          ]
        },
        "backoff": {
          "on": {
            "exporter.restart": [
              {
                "target": "#exporter.deciding",
                "actions": [
                  {
                    "type": "forgive"
                  }
                ]
              }
            ]
          },
          "after": {
            "backoff": [
              {
                "target": "#exporter.deciding"
              }
            ]
          }
        },
        "failed": {
          "entry": [
            {
              "type": "announce"
            }
          ],
          "on": {
            "exporter.restart": [
              {
                "target": "#exporter.deciding",
                "actions": [
                  {
                    "type": "forgive"
                  }
                ]
              }
            ]
          }
        },
        "held": {
          "entry": [
            {
              "type": "announce"
            }
          ],
          "on": {
            "config.commit": [
              {
                "target": "#exporter.deciding",
                "actions": [
                  {
                    "type": "forgive"
                  },
                  {
                    "type": "commit"
                  },
                  {
                    "type": "acknowledge"
                  }
                ]
              }
            ],
            "config.abort": [
              {
                "target": "fencing",
                "actions": [
                  {
                    "type": "forgetChange"
                  },
                  {
                    "type": "acknowledge"
                  }
                ]
              }
            ]
          }
        }
      }
    },
    "deciding": {
      "always": [
        {
          "target": "active",
          "guard": {
            "type": "isEnabled"
          }
        },
        {
          "target": "disabled"
        }
      ]
    },
    "disabled": {
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "unsubscribe"
        },
        {
          "type": "abandonDisabled"
        }
      ],
      "on": {
        "config.prepare": [
          {
            "target": "enabling",
            "guard": {
              "type": "opensClient"
            },
            "actions": [
              {
                "type": "noteChange"
              }
            ]
          }
        ]
      }
    },
    "enabling": {
      "initial": "opening",
      "entry": [
        {
          "type": "announce"
        }
      ],
      "on": {
        "config.abort": [
          {
            "target": "leaving",
            "actions": [
              {
                "type": "forgetChange"
              },
              {
                "type": "discard"
              },
              {
                "type": "acknowledge"
              }
            ]
          }
        ]
      },
      "states": {
        "reviving": {
          "invoke": [
            {
              "src": "prepare",
              "onDone": [
                {
                  "target": "prepared"
                }
              ],
              "onError": [
                {
                  "target": "#exporter.leaving",
                  "actions": [
                    {
                      "type": "refuse"
                    }
                  ]
                }
              ]
            }
          ]
        },
        "opening": {
          "invoke": [
            {
              "src": "prepare",
              "onDone": [
                {
                  "target": "prepared"
                }
              ],
              "onError": [
                {
                  "target": "#exporter.disabled",
                  "actions": [
                    {
                      "type": "refuse"
                    }
                  ]
                }
              ]
            }
          ]
        },
        "prepared": {
          "entry": [
            {
              "type": "answer"
            }
          ],
          "on": {
            "config.commit": [
              {
                "target": "#exporter.active.client.serving",
                "actions": [
                  {
                    "type": "commit"
                  },
                  {
                    "type": "swap"
                  },
                  {
                    "type": "announceRetired"
                  },
                  {
                    "type": "haltDelivery"
                  },
                  {
                    "type": "renewBreaker"
                  },
                  {
                    "type": "startDelivery"
                  },
                  {
                    "type": "acknowledge"
                  }
                ]
              }
            ]
          }
        }
      }
    },
    "active": {
      "type": "parallel",
      "entry": [
        {
          "type": "subscribe"
        }
      ],
      "on": {
        "config.commit": [
          {
            "target": "leaving",
            "guard": {
              "type": "disables"
            },
            "actions": [
              {
                "type": "planDrain"
              },
              {
                "type": "commit"
              }
            ]
          }
        ],
        "exporter.restart": [
          {
            "target": "leaving.closing"
          }
        ]
      },
      "states": {
        "client": {
          "initial": "opening",
          "on": {
            "config.prepare": [
              {
                "target": ".recreating",
                "guard": {
                  "type": "opensClient"
                },
                "actions": [
                  {
                    "type": "noteChange"
                  },
                  {
                    "type": "haltDelivery"
                  }
                ]
              }
            ]
          },
          "states": {
            "opening": {
              "entry": [
                {
                  "type": "announce"
                }
              ],
              "invoke": [
                {
                  "src": "open",
                  "onDone": [
                    {
                      "target": "serving",
                      "actions": [
                        {
                          "type": "startDelivery"
                        }
                      ]
                    }
                  ],
                  "onError": [
                    {
                      "target": "retrying",
                      "actions": [
                        {
                          "type": "noteError"
                        },
                        {
                          "type": "noteReopen"
                        }
                      ]
                    }
                  ]
                }
              ]
            },
            "retrying": {
              "entry": [
                {
                  "type": "announce"
                }
              ],
              "after": {
                "retryDelay": [
                  {
                    "target": "opening"
                  }
                ]
              }
            },
            "serving": {
              "entry": [
                {
                  "type": "announce"
                }
              ],
              "on": {
                "config.prepare": [
                  {
                    "target": "replacing",
                    "guard": {
                      "type": "opensBeside"
                    },
                    "actions": [
                      {
                        "type": "noteChange"
                      }
                    ]
                  }
                ]
              }
            },
            "replacing": {
              "initial": "opening",
              "entry": [
                {
                  "type": "announce"
                }
              ],
              "on": {
                "exporter.restart": [
                  {}
                ],
                "config.abort": [
                  {
                    "target": "#exporter.active.client.serving",
                    "actions": [
                      {
                        "type": "forgetChange"
                      },
                      {
                        "type": "discard"
                      },
                      {
                        "type": "announceRetired"
                      },
                      {
                        "type": "acknowledge"
                      }
                    ]
                  }
                ]
              },
              "states": {
                "opening": {
                  "invoke": [
                    {
                      "src": "prepare",
                      "onDone": [
                        {
                          "target": "prepared"
                        }
                      ],
                      "onError": [
                        {
                          "target": "#exporter.active.client.serving",
                          "actions": [
                            {
                              "type": "refuse"
                            }
                          ]
                        }
                      ]
                    }
                  ]
                },
                "prepared": {
                  "entry": [
                    {
                      "type": "answer"
                    }
                  ],
                  "on": {
                    "config.commit": [
                      {
                        "target": "#exporter.active.client.serving",
                        "actions": [
                          {
                            "type": "commit"
                          },
                          {
                            "type": "swap"
                          },
                          {
                            "type": "announceRetired"
                          },
                          {
                            "type": "haltDelivery"
                          },
                          {
                            "type": "renewBreaker"
                          },
                          {
                            "type": "startDelivery"
                          },
                          {
                            "type": "acknowledge"
                          }
                        ]
                      }
                    ]
                  }
                }
              }
            },
            "recreating": {
              "initial": "opening",
              "entry": [
                {
                  "type": "announce"
                }
              ],
              "on": {
                "exporter.restart": [
                  {}
                ],
                "config.abort": [
                  {
                    "target": "#exporter.active.client.opening",
                    "actions": [
                      {
                        "type": "forgetChange"
                      },
                      {
                        "type": "discard"
                      },
                      {
                        "type": "announceRetired"
                      },
                      {
                        "type": "acknowledge"
                      }
                    ]
                  }
                ]
              },
              "states": {
                "opening": {
                  "invoke": [
                    {
                      "src": "prepare",
                      "onDone": [
                        {
                          "target": "prepared"
                        }
                      ],
                      "onError": [
                        {
                          "target": "#exporter.active.client.opening",
                          "actions": [
                            {
                              "type": "refuse"
                            }
                          ]
                        }
                      ]
                    }
                  ]
                },
                "prepared": {
                  "entry": [
                    {
                      "type": "answer"
                    }
                  ],
                  "on": {
                    "config.commit": [
                      {
                        "target": "#exporter.active.client.serving",
                        "actions": [
                          {
                            "type": "commit"
                          },
                          {
                            "type": "swap"
                          },
                          {
                            "type": "announceRetired"
                          },
                          {
                            "type": "haltDelivery"
                          },
                          {
                            "type": "renewBreaker"
                          },
                          {
                            "type": "startDelivery"
                          },
                          {
                            "type": "acknowledge"
                          }
                        ]
                      }
                    ]
                  }
                }
              }
            }
          }
        },
        "retirement": {
          "initial": "none",
          "states": {
            "none": {
              "on": {
                "client.retired": [
                  {
                    "target": "retiring"
                  }
                ]
              }
            },
            "retiring": {
              "invoke": [
                {
                  "src": "retire",
                  "onDone": [
                    {
                      "target": "none"
                    }
                  ],
                  "onError": [
                    {
                      "target": "none",
                      "actions": [
                        {
                          "type": "noteError"
                        }
                      ]
                    }
                  ]
                }
              ],
              "on": {
                "client.retired": [
                  {
                    "target": "retiring",
                    "reenter": true
                  }
                ]
              }
            }
          }
        },
        "upkeep": {
          "initial": "waiting",
          "states": {
            "waiting": {
              "after": {
                "tick": [
                  {
                    "target": "waiting",
                    "actions": [
                      {
                        "type": "tick"
                      }
                    ],
                    "reenter": true
                  }
                ]
              }
            }
          }
        }
      }
    },
    "leaving": {
      "initial": "draining",
      "entry": [
        {
          "type": "announce"
        }
      ],
      "states": {
        "draining": {
          "entry": [
            {
              "type": "unsubscribe"
            },
            {
              "type": "drainDelivery"
            }
          ],
          "on": {
            "delivery.drained": [
              {
                "target": "closing"
              }
            ],
            "config.prepare": [
              {
                "target": "#exporter.enabling.reviving",
                "guard": {
                  "type": "enablesBeside"
                },
                "actions": [
                  {
                    "type": "noteChange"
                  }
                ]
              },
              {
                "target": "#exporter.enabling",
                "guard": {
                  "type": "enables"
                },
                "actions": [
                  {
                    "type": "noteChange"
                  },
                  {
                    "type": "haltDelivery"
                  },
                  {
                    "type": "cut"
                  }
                ]
              }
            ]
          },
          "after": {
            "deadline": [
              {
                "target": "closing"
              }
            ]
          }
        },
        "closing": {
          "entry": [
            {
              "type": "haltDelivery"
            },
            {
              "type": "cut"
            }
          ],
          "invoke": [
            {
              "src": "close",
              "onDone": [
                {
                  "target": "#exporter.deciding",
                  "actions": [
                    {
                      "type": "acknowledge"
                    }
                  ]
                }
              ],
              "onError": [
                {
                  "target": "#exporter.deciding",
                  "actions": [
                    {
                      "type": "noteError"
                    },
                    {
                      "type": "acknowledge"
                    }
                  ]
                }
              ]
            }
          ],
          "on": {
            "config.prepare": [
              {
                "target": "#exporter.enabling",
                "guard": {
                  "type": "enables"
                },
                "actions": [
                  {
                    "type": "noteChange"
                  }
                ]
              }
            ]
          }
        }
      }
    },
    "stopping": {
      "initial": "draining",
      "entry": [
        {
          "type": "announce"
        }
      ],
      "states": {
        "draining": {
          "entry": [
            {
              "type": "unsubscribe"
            },
            {
              "type": "drainDelivery"
            }
          ],
          "on": {
            "delivery.drained": [
              {
                "target": "closing"
              }
            ]
          },
          "after": {
            "deadline": [
              {
                "target": "closing"
              }
            ]
          }
        },
        "closing": {
          "entry": [
            {
              "type": "haltDelivery"
            },
            {
              "type": "cut"
            }
          ],
          "invoke": [
            {
              "src": "close",
              "onDone": [
                {
                  "target": "#exporter.stopped"
                }
              ],
              "onError": [
                {
                  "target": "#exporter.stopped",
                  "actions": [
                    {
                      "type": "noteError"
                    }
                  ]
                }
              ]
            }
          ]
        }
      }
    },
    "stopped": {
      "type": "final",
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "unsubscribe"
        },
        {
          "type": "abandonStopped"
        },
        {
          "type": "announceStopped"
        }
      ]
    }
  }
})
